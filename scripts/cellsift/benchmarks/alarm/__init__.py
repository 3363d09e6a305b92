"""How often the alarm for a foreign brain is raised: on brains of one cohort, and on others."""
